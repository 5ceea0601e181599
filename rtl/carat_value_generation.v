// Value generation of a column of Carat: x, x*9/8 ... x*15/8 of a BF16 input by repeated addition of
// x/8, one a cycle, each rounded to BF16. x/8 is x with its exponent lowered; where that leaves none,
// it is a zero.
module carat_value_generation (
    input             clk,
    input             begin_window, // the column's next cycle is count 0 of a window
    input [15:0]      x,
    output reg [15:0] column
);
    reg [15:0]  eighth;
    wire [15:0] sum;
    wire [7:0]  exponent = x[14:7];

    bf16_adder accumulator (.a(column), .b(eighth), .sum(sum));

    always @(posedge clk)
        if (begin_window) begin
            column <= x;
            eighth <= &exponent ? x : exponent < 4 ? {x[15], 15'd0} : {x[15], exponent - 8'd3, x[6:0]};
        end else column <= sum;
endmodule
